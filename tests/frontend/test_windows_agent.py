"""The DLL when the agent is away, dies, hangs, comes back, or is not to be trusted; threads; what is left behind."""
