// Pause keeps a pod's namespaces alive: it waits to be asked to stop, and reaps what dies in a shared process namespace.
package main

import (
	"os"
	"os/signal"
	"syscall"
)

func main() {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGCHLD)
	reap() // what died before anybody listened
	for received := range signals {
		if received != syscall.SIGCHLD {
			return
		}
		reap()
	}
}

// The kernel tells of many deaths by one signal, so every child that is ready is taken.
func reap() {
	for {
		pid, err := syscall.Wait4(-1, nil, syscall.WNOHANG, nil)
		if err == syscall.EINTR {
			continue
		}
		if err != nil || pid <= 0 {
			return
		}
	}
}
