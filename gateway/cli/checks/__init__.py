"""What `toolward doctor` looks at."""
