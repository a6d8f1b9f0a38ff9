"""The cryptographic service provider `Personal CSP`: CryptoAPI 1.0 in front of every card that cardcore drives."""
