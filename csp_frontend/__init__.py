"""The CryptoAPI provider in front of `cardcore`: the CP* functions, the agent that owns the cards, and the wire between."""
