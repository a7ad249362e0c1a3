"""Steps of ``scripts/build_data.py``: a folder of collected figures in, Faultline's tables out."""
