"""What becomes of commands that are killed, disks that are full, and files that are damaged."""
