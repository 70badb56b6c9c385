"""What connectors share. Knows no connector."""
