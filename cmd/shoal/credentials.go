package main

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"runtime"
	"strings"
	"unicode"

	"shoal/internal/fsys"
)

const (
	credentialsName = "rpc.credentials" // in the state folder: user:password in one line
	defaultUser     = "shoal"
	maxCredentials  = 4 << 10 // bytes of a file with a password
)

// credentials are what the RPC asks for where it cannot tell who calls. Without a password it asks for nothing.
type credentials struct {
	user, password string
	// made says that they are new, and were never told to anybody.
	made bool
	from string // file
}

// findCredentials returns the user and the password for the RPC: those of the configuration, where "" is not configured, else
// those in the state folder, where the first start makes some. passwordFile holds the password, or its hash, in its first line;
// when that is empty there is no password, on purpose. warn is told about files that others can read.
func findCredentials(state fsys.FS, user, passwordFile string, warn func(error)) (credentials, error) {
	c := credentials{user: user}
	if strings.ContainsFunc(user, func(r rune) bool { return r == ':' || unicode.IsControl(r) }) {
		return c, withCode(exitUsage, errors.New("the user's name for the RPC may have neither a colon nor control characters in it"))
	}
	if passwordFile != "" {
		line, err := firstLine(passwordFile, warn)
		if err != nil {
			return c, withCode(exitUsage, fmt.Errorf("the password for the RPC: %w", err))
		}
		if c.user == "" {
			c.user = defaultUser
		}
		c.password, c.from = line, passwordFile
		return c, nil
	}
	c.from = fullName(state, credentialsName)
	name, password, err := readCredentials(state, warn)
	if errors.Is(err, fs.ErrNotExist) {
		name, password, c.made = defaultUser, rand.Text(), true
		if user != "" {
			name = user
		}
		err = writeCredentials(state, name, password)
	}
	if err != nil {
		return c, fmt.Errorf("the password for the RPC: %w", err)
	}
	if c.user == "" {
		c.user = name
	}
	c.password = password
	return c, nil
}

// fullName is how a file of the state folder is called in messages.
func fullName(state fsys.FS, name string) string {
	return state.Path() + string(os.PathSeparator) + name
}

// firstLine reads a file with a password.
func firstLine(name string, warn func(error)) (string, error) {
	f, err := os.Open(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	if st, err := f.Stat(); err == nil {
		tooOpen(name, st.Mode(), warn)
	}
	b, err := io.ReadAll(io.LimitReader(f, maxCredentials+1))
	if err != nil {
		return "", err
	}
	line, _, _ := bytes.Cut(b, []byte("\n"))
	if len(line) > maxCredentials {
		return "", fmt.Errorf("%s: the first line is longer than %d bytes", name, maxCredentials)
	}
	return string(bytes.TrimSuffix(line, []byte("\r"))), nil
}

// tooOpen tells of a file that others can read. Where there are no such rights all files look alike.
func tooOpen(name string, mode fs.FileMode, warn func(error)) {
	if runtime.GOOS == "windows" {
		return
	}
	if mode.Perm()&0o044 != 0 {
		warn(fmt.Errorf("%s can be read by others: chmod 600 it", name))
	}
}

// readCredentials reads what the first start made. A file that is damaged is an error: a new password would lock out those who know it.
func readCredentials(state fsys.FS, warn func(error)) (user, password string, err error) {
	f, err := state.OpenFile(credentialsName, os.O_RDONLY, 0)
	if err != nil {
		return "", "", err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return "", "", err
	}
	name := fullName(state, credentialsName)
	tooOpen(name, st.Mode, warn)
	b := make([]byte, min(st.Size, maxCredentials))
	if _, err := f.ReadAt(b, 0); err != nil && !errors.Is(err, io.EOF) {
		return "", "", err
	}
	line, _, _ := strings.Cut(string(b), "\n")
	user, password, ok := strings.Cut(strings.TrimSuffix(line, "\r"), ":")
	if !ok || user == "" || password == "" {
		return "", "", fmt.Errorf("%s does not begin with USER:PASSWORD; correct it, or remove it and new ones are made", name)
	}
	return user, password, nil
}

// writeCredentials makes the file. It is there whole or not at all, and nobody else can read it at any time.
func writeCredentials(state fsys.FS, user, password string) (err error) {
	const fresh = credentialsName + ".new"
	if err := state.Remove(fresh); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := state.OpenFile(fresh, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteAt([]byte(user+":"+password+"\n"), 0)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = state.Rename(fresh, credentialsName)
	}
	if err == nil {
		err = state.SyncDir(".")
	}
	return err
}
