"""Personalisation: cards prepared from a plan, one or ten thousand, none lost and none spoiled.

Needs the optional packages of `cardcore[personalise]`. Importing this package loads none of them.
"""
