"""What Argo CD installs on every cluster before any tenant: one file per add-on, one `AddOn` per Application.

Belongs here: which release, from where in production and from which pinned Go module in the embedded region, what we
change in it and our own objects beside it. Not here: building the modules (`clusters.local`), tenants' objects
(`clusters.components`), and anything of upstream's text, which is read from the modules each time.
"""
