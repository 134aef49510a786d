"""What people see. Knows events, never engines."""
