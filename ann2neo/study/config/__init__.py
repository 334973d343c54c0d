"""What a study is: its TOML file, its settings, the cells these make."""
