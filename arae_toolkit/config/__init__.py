"""Settings of every run: dataclasses, presets, TOML files and ``key=value`` overrides."""
