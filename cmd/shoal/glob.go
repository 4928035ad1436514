package main

import (
	"fmt"
	"io/fs"
	"path"
	"strings"
)

// A GLOB without a slash is for names: it matches every file of that name and everything
// in a folder of that name. A GLOB with a slash is for paths, counted from the torrent's folder:
// it matches the file, or everything below the folder, that has that path. "*" and "?" match no slash, and
// case matters.
const globHelp = `A GLOB has *, ? and [a-z]. Without a slash it is for names, of files and of
folders with all that is in them; with a slash it is for paths that begin in the
torrent's folder. Put it in quotes, so that the shell leaves it alone.`

// globs are patterns that were checked.
type globs []string

// checkGlobs refuses patterns that can match nothing because they are malformed.
func checkGlobs(flag string, list []string) error {
	for _, g := range list {
		if _, err := path.Match(g, ""); err != nil || g == "" {
			return withCode(exitUsage, fmt.Errorf("%s %q: write a pattern like '*.txt' or 'sub/*'", flag, g))
		}
	}
	return nil
}

// match reports whether any pattern is for the slash-separated path below the torrent's folder.
func (gs globs) match(name string) bool {
	elems := strings.Split(name, "/")
	for _, g := range gs {
		g = strings.TrimSuffix(strings.TrimPrefix(g, "./"), "/")
		if !strings.Contains(g, "/") {
			for _, e := range elems {
				if ok, _ := path.Match(g, e); ok {
					return true
				}
			}
			continue
		}
		depth := strings.Count(strings.TrimPrefix(g, "/"), "/") + 1
		if depth <= len(elems) {
			if ok, _ := path.Match(strings.TrimPrefix(g, "/"), strings.Join(elems[:depth], "/")); ok {
				return true
			}
		}
	}
	return false
}

// without is a file tree that lacks what some patterns match below root.
type without struct {
	fs.FS
	root string
	globs
}

// ReadDir implements fs.ReadDirFS.
func (w without) ReadDir(name string) ([]fs.DirEntry, error) {
	all, err := fs.ReadDir(w.FS, name)
	kept := all[:0]
	for _, e := range all {
		below := strings.TrimPrefix(path.Join(name, e.Name()), w.root+"/")
		if !w.match(below) {
			kept = append(kept, e)
		}
	}
	return kept, err
}
