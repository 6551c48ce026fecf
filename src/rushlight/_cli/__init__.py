"""What `rushlight run | info | demo | bench` do; each command imports only what it needs."""
