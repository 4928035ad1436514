package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"shoal/internal/text"
	"shoal/metainfo"
	"shoal/session"
)

// maxList bounds a list of sources, in bytes.
const maxList = 1 << 20

// sources replaces "-" by the lines of standard input and adds those of the input files.
func sources(args, inputs []string, stdin io.Reader) (list []string, err error) {
	for _, a := range args {
		if a == "-" {
			list, err = appendLines(list, stdin, "standard input")
		} else {
			list = append(list, a)
		}
		if err != nil {
			return nil, err
		}
	}
	for _, name := range inputs {
		if list, err = appendInput(list, name, stdin); err != nil {
			return nil, err
		}
	}
	if len(list) == 0 {
		return nil, withCode(exitUsage, errors.New("no source given: name a magnet link, an info hash, a .torrent file or a URL of one"))
	}
	return list, nil
}

func appendInput(list []string, name string, stdin io.Reader) ([]string, error) {
	if name == "-" {
		return appendLines(list, stdin, "standard input")
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("list of sources: %w", err)
	}
	defer f.Close()
	return appendLines(list, f, name)
}

// appendLines adds the lines of r; empty lines and those that begin with # are left out.
func appendLines(list []string, r io.Reader, name string) ([]string, error) {
	limited := &io.LimitedReader{R: r, N: maxList + 1}
	lines := bufio.NewScanner(limited)
	for lines.Scan() {
		if l := strings.TrimSpace(lines.Text()); l != "" && l[0] != '#' {
			list = append(list, l)
		}
	}
	err := lines.Err()
	if err == nil && limited.N == 0 {
		err = fmt.Errorf("it is longer than %d bytes", maxList)
	}
	if err != nil {
		return nil, fmt.Errorf("reading the list of sources from %s: %w", name, err)
	}
	return list, nil
}

// load reads the torrent that a source names and that can be downloaded.
func load(ctx context.Context, source string, n session.Net) (*metainfo.Torrent, error) {
	t, err := read(ctx, source, n)
	if err != nil {
		return nil, err
	}
	if err := t.Info.Downloadable(); err != nil {
		return nil, withCode(exitBadTorrent, err)
	}
	return t, nil
}

// resolve reads what a source names: a torrent, or the magnet link of one whose files peers must tell.
func resolve(ctx context.Context, source string, n session.Net) (*metainfo.Torrent, *metainfo.Magnet, error) {
	if isMagnet(source) {
		m, err := metainfo.ParseMagnet(source)
		return nil, &m, withCode(exitBadTorrent, err)
	}
	if id, err := metainfo.ParseID(source); err == nil {
		if _, err := os.Lstat(source); errors.Is(err, fs.ErrNotExist) {
			return nil, &metainfo.Magnet{ID: id}, nil
		}
	}
	t, err := read(ctx, source, n)
	return t, nil, err
}

func read(ctx context.Context, source string, n session.Net) (*metainfo.Torrent, error) {
	scheme, _, other := strings.Cut(source, "://")
	switch {
	case source == "":
		return nil, withCode(exitUsage, errors.New("a source is empty: name a magnet link, an info hash, a .torrent file or a URL of one"))
	case isMagnet(source):
		if _, err := metainfo.ParseMagnet(source); err != nil {
			return nil, withCode(exitBadTorrent, err)
		}
		return nil, withCode(exitBadTorrent, errNoFile)
	case isURL(source):
		return fetch(ctx, source, n)
	case other:
		return nil, withCode(exitUsage, fmt.Errorf("%s is not supported: name a .torrent file, or an http or https URL of one", text.Clean(scheme, 20)))
	}
	t, err := readFile(source)
	if errors.Is(err, fs.ErrNotExist) {
		if _, bad := metainfo.ParseID(source); bad == nil {
			return nil, withCode(exitBadTorrent, errNoFile)
		}
	}
	return t, err
}

// errNoFile is said where a .torrent file is needed.
var errNoFile = errors.New("a .torrent file is needed here; `shoal get --metadata-only` fetches that of a magnet link or info hash")

func isMagnet(s string) bool { return metainfo.IsMagnet(s) }

// readFile reads a .torrent file of this machine.
func readFile(name string) (*metainfo.Torrent, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, plainCause(err)
	}
	defer f.Close()
	if st, err := f.Stat(); err == nil && st.IsDir() {
		return nil, withCode(exitBadTorrent, errors.New("this is a folder: name a .torrent file, or make one with `shoal create`"))
	}
	return parse(f, metainfo.MaxTorrentFile)
}

// plainCause leaves the name out of an error of package os: the caller names the source.
func plainCause(err error) error {
	if pe, ok := errors.AsType[*fs.PathError](err); ok {
		return pe.Err
	}
	return err
}

// parse gives what metainfo refuses the code of a bad torrent.
func parse(r io.Reader, limit int64) (*metainfo.Torrent, error) {
	t, err := metainfo.Read(r, limit)
	if errors.Is(err, metainfo.ErrInvalid) {
		err = withCode(exitBadTorrent, err)
	}
	return t, err
}

// fetch reads a .torrent file from a URL, through the session's network.
func fetch(ctx context.Context, url string, n session.Net) (*metainfo.Torrent, error) {
	f := session.Fetch{Agent: strings.ReplaceAll(clientName, " ", "/"), Limit: metainfo.MaxFetched}
	b, err := f.Get(ctx, n, url)
	if err != nil {
		return nil, err
	}
	return parse(bytes.NewReader(b), metainfo.MaxFetched)
}

// readAny reads a torrent for `inspect`: from a file, a URL or standard input.
func readAny(ctx context.Context, source string, stdin io.Reader) (*metainfo.Torrent, error) {
	if source != "-" {
		return read(ctx, source, session.SystemNet{})
	}
	b, err := io.ReadAll(io.LimitReader(stdin, metainfo.MaxTorrentFile+1))
	if err != nil {
		return nil, err
	}
	return parse(bytes.NewReader(b), metainfo.MaxTorrentFile)
}

func isURL(s string) bool {
	return strings.HasPrefix(s, "http://") || strings.HasPrefix(s, "https://")
}
