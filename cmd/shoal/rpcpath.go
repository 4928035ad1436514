package main

import (
	"os"
	"path/filepath"
	"slices"
)

// socketName is what the daemon's socket is called in its folder.
const socketName = "rpc.sock"

// defaultPort is where Transmission and other daemons like it answer.
const defaultPort = "9091"

// defaultSocket is the path of the unix socket at which the daemon listens and the other commands look for it, unless told
// otherwise: in the folder for what lives as long as the machine is up, where there is one, else in the state folder.
func defaultSocket() (string, error) {
	if d, ok := lookupEnv("RUNTIME_DIRECTORY"); ok {
		return filepath.Join(filepath.SplitList(d)[0], socketName), nil
	}
	if d, ok := lookupEnv("XDG_RUNTIME_DIR"); ok && filepath.IsAbs(d) {
		return filepath.Join(d, "shoal", socketName), nil
	}
	return stateSocket()
}

// stateSocket is the socket in the state folder.
func stateSocket() (string, error) {
	dir, err := stateDir()
	if err != nil {
		return "", err
	}
	return filepath.Join(dir, socketName), nil
}

// defaultAddresses lists where a daemon of this user may answer, likeliest first; sockets that are not there are left out of ask.
func defaultAddresses() (ask, all []string) {
	for _, path := range []func() (string, error){defaultSocket, stateSocket} {
		p, err := path()
		if err != nil || slices.Contains(all, "unix:"+p) {
			continue
		}
		all = append(all, "unix:"+p)
		if _, err := os.Stat(p); err == nil {
			ask = append(ask, "unix:"+p)
		}
	}
	local := "http://127.0.0.1:" + defaultPort
	return append(ask, local), append(all, local)
}
