module tidegate.dev/builds/pause

go 1.26.0
