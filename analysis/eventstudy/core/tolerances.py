"""Where variation ends and rounding begins."""

# Values closer to each other than this, relative to the largest, differ by rounding alone.
ROUNDING = 1e-12
