"""Tests of abnormal returns, and which of them to read first."""
