"""What no implementation can beat: needed products, memory traffic and dependent steps."""
