"""What several packages need and none owns: small modules that know nothing of environments or training."""
