"""The order service: deploy, write with a ledger, rotate (docs/explanation/order-service.md)."""
