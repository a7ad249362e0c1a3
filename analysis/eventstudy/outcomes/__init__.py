"""Outcomes other than the cumulative abnormal return: holdings, volume, volatility.

Volume and volatility go through the engine as panels or models of their own and come out as
`EventStudyResults`, with all its tests. What is held over months is no sum of days and has
tests of its own, in tables.
"""
