package rpc

import (
	"path/filepath"
	"strings"
)

// folder reads the path of a folder on the daemon's machine. Whether torrents may go there is the engine's decision.
func folder(v value) (string, error) {
	dir, ok := v.str()
	if !ok {
		return "", errArgument
	}
	return cleanFolder(dir)
}

// cleanFolder demands an absolute path without NUL.
func cleanFolder(dir string) (string, error) {
	if strings.ContainsRune(dir, 0) {
		return "", errArgument
	}
	if !filepath.IsAbs(dir) {
		return "", errRelative
	}
	return filepath.Clean(dir), nil
}
