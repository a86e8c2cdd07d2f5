"""Who may call a tenant's models: callers with their share of its rate, and the web pages that browsers may call from."""
