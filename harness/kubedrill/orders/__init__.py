"""The order service: deployed, written to with a ledger, rotated, looked at (docs/explanation/order-service.md)."""
