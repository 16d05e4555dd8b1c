"""Declaration to text or plain data, one target per module. Pure and total: an unknown type is an error."""
