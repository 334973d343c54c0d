"""What takes a recording in parts, and what feeds it one."""
