package rpc

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
)

// Errors of ListenSocket.
var (
	ErrInUse  = errors.New("another daemon answers there")
	ErrUnsafe = errors.New("not a safe place for a socket")
)

// maxSocketPath is what all systems take as the path of a unix socket, in bytes.
const maxSocketPath = 103

// ListenSocket opens a unix socket at path that only this user can use: mode 0600, in a folder that is made
// with mode 0700 or that nobody else may write to. What a killed daemon left at path is replaced, when dial shows that nobody answers there; anything
// else at path is left alone. listen and dial open the sockets.
func ListenSocket(path string, listen func(path string) (net.Listener, error), dial func(path string) (net.Conn, error)) (net.Listener, error) {
	if len(path) > maxSocketPath {
		return nil, fmt.Errorf("%s: %w: at most %d bytes: choose a shorter rpc.unix_socket", path, ErrUnsafe, maxSocketPath)
	}
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("the folder of the socket: %w", err)
	}
	info, err := os.Lstat(dir)
	if err != nil {
		return nil, fmt.Errorf("the folder of the socket: %w", err)
	}
	if err := safeFolder(dir, info, ownerOf(info), os.Geteuid()); err != nil {
		return nil, err
	}
	if err := clearSocket(path, dial); err != nil {
		return nil, err
	}
	ln, err := listen(path)
	if err != nil {
		return nil, fmt.Errorf("the socket %s: %w", path, err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		ln.Close()
		return nil, fmt.Errorf("the socket %s: %w", path, err)
	}
	return ln, nil
}

// safeFolder refuses a folder in which others could put another socket in the place of ours.
func safeFolder(dir string, info fs.FileInfo, owner, ours int) error {
	switch {
	case !info.IsDir():
		return fmt.Errorf("%s: %w: not a folder, or a link", dir, ErrUnsafe)
	case owner != ours && owner != 0:
		return fmt.Errorf("%s: %w: it belongs to user %d", dir, ErrUnsafe, owner)
	case info.Mode().Perm()&0o022 != 0:
		return fmt.Errorf("%s: %w: others may write to it (chmod go-w)", dir, ErrUnsafe)
	}
	return nil
}

// clearSocket removes a socket of ours that nobody answers at.
func clearSocket(path string, dial func(path string) (net.Conn, error)) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("the socket %s: %w", path, err)
	case info.Mode().Type() != fs.ModeSocket:
		return fmt.Errorf("%s: %w: something that is no socket is there: move it away", path, ErrUnsafe)
	case ownerOf(info) != os.Geteuid():
		return fmt.Errorf("%s: %w: it belongs to user %d", path, ErrUnsafe, ownerOf(info))
	}
	if c, err := dial(path); err == nil {
		c.Close()
		return fmt.Errorf("the socket %s: %w", path, ErrInUse)
	}
	if err := os.Remove(path); err != nil {
		return fmt.Errorf("the socket of a daemon that was killed: %w", err)
	}
	return nil
}
