"""Drills: promises on files, streams, disks and signals, tried by chance and by number."""
