"""One socket a client: subscriptions, acknowledgements, the replay's clock, and what the live loop publishes."""
