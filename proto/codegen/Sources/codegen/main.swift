// A target, since a package without one may not name plugins.
print("use proto/generate")
