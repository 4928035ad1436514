package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"shoal/internal/text"
)

// print writes the description for a person.
func (d *description) print(w io.Writer) {
	row := func(what, value string) {
		if value != "" {
			fmt.Fprintf(w, "%-10s %s\n", what, text.Clean(value, 0))
		}
	}
	row("name", d.Name)
	row("hash", d.HashV1)
	row("hash v2", d.HashV2)
	if d.Size > 0 || d.Type == "torrent" {
		row("size", fmt.Sprintf("%s (%s)", text.Size(d.Size), text.Count(int(d.Size), "byte")))
	}
	if d.PieceLength > 0 {
		row("pieces", fmt.Sprintf("%d of %s", d.Pieces, text.SizeBinary(d.PieceLength)))
	}
	if d.Private {
		row("private", "yes: peers come from the trackers only")
	}
	row("source", d.Source)
	for i, tier := range d.Trackers {
		what := numbered("tracker", i, len(d.Trackers))
		for _, u := range tier {
			fmt.Fprintf(w, "%-10s %s\n", what, text.Clean(u, 0))
			what = "" // the rest of the tier
		}
	}
	for _, u := range d.WebSeeds {
		row("web seed", u)
	}
	for _, n := range d.Nodes {
		row("node", n)
	}
	for _, p := range d.Peers {
		row("peer", p)
	}
	row("select", d.Select)
	row("comment", d.Comment)
	row("made by", d.CreatedBy)
	if d.Created != nil {
		row("made at", d.Created.Format(time.RFC3339))
	}
	row("magnet", d.Magnet)
	for _, s := range d.Warnings {
		row("warning", s)
	}
	if len(d.Files) > 0 {
		d.printTree(w)
	}
}

// printFiles writes number, size and whole name of every file; pad files are no files of anybody.
func (d *description) printFiles(w io.Writer) {
	for _, f := range d.Files {
		if !f.Pad {
			fmt.Fprintf(w, "%6d  %8s  %s%s\n", f.Index, text.Size(f.Length), text.Clean(f.Path, 0), f.remarks(false))
		}
	}
}

// remarks is what there is to say of a file beside its name.
func (f *fileDescription) remarks(root bool) string {
	var words []string
	for _, r := range []struct {
		on   bool
		word string
	}{{f.Executable, "executable"}, {f.Hidden, "hidden"}, {f.Symlink, "symbolic link, not made"}, {root && f.Root != "", "root " + f.Root}} {
		if r.on {
			words = append(words, r.word)
		}
	}
	if len(words) == 0 {
		return ""
	}
	return "  (" + strings.Join(words, ", ") + ")"
}

// folder is a node of the tree of files.
type folder struct {
	name    string
	size    int64
	entries []entry
	folders map[string]*folder
}

// entry is a file by its index, or a folder.
type entry struct {
	file int
	sub  *folder
}

func (f *folder) add(path string, file int, size int64) {
	f.size += size
	first, rest, deeper := strings.Cut(path, "/")
	if !deeper {
		f.entries = append(f.entries, entry{file: file})
		return
	}
	sub := f.folders[first]
	if sub == nil {
		sub = &folder{name: first, folders: map[string]*folder{}}
		f.folders[first] = sub
		f.entries = append(f.entries, entry{sub: sub})
	}
	sub.add(rest, file, size)
}

// printTree writes the files as a tree: number, size, name.
func (d *description) printTree(w io.Writer) {
	top := &folder{folders: map[string]*folder{}}
	files, padding := 0, int64(0)
	for i, f := range d.Files {
		if f.Pad {
			padding += f.Length
			continue
		}
		files++
		top.add(f.Path, i, f.Length)
	}
	fmt.Fprintf(w, "%-10s %d", "files", files)
	if padding > 0 {
		fmt.Fprintf(w, ", and %s of padding that is never stored", text.Size(padding))
	}
	fmt.Fprintln(w)
	d.printFolder(w, top, "")
}

func (d *description) printFolder(w io.Writer, f *folder, indent string) {
	for _, e := range f.entries {
		if e.sub != nil {
			fmt.Fprintf(w, "%6s  %8s  %s%s/\n", "", text.Size(e.sub.size), indent, text.Clean(e.sub.name, 0))
			d.printFolder(w, e.sub, indent+"  ")
			continue
		}
		file := &d.Files[e.file]
		name := file.Path[strings.LastIndexByte(file.Path, '/')+1:]
		fmt.Fprintf(w, "%6d  %8s  %s%s%s\n", file.Index, text.Size(file.Length), indent, text.Clean(name, 0), file.remarks(true))
	}
}

// numbered names the tiers only where there is more than one.
func numbered(what string, i, n int) string {
	if n == 1 {
		return what
	}
	return fmt.Sprintf("%s %d", what, i+1)
}
