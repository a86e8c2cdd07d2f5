"""What nodes there are: instance types, accelerators and pools."""
