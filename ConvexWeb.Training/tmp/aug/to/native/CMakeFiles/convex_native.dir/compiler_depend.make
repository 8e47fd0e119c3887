# Empty compiler generated dependencies file for convex_native.
# This may be replaced when dependencies are built.
