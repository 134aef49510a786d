"""What people see. Knows events and plain values, never engines, sessions or models."""
