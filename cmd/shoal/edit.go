package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"shoal/internal/text"
	"shoal/metainfo"
)

// editOptions are the flags of edit.
type editOptions struct {
	output          string
	overwrite       bool
	tracker, add    []string
	remove, replace []string
	seeds           []string
	addSeeds        []string
	removeSeeds     []string
	comment         string

	setTrackers, setSeeds, setComment bool // the flag was given
}

func newEdit(con *console) *cobra.Command {
	var o editOptions
	cmd := &cobra.Command{
		Use:   "edit FILE",
		Short: "Change trackers, comment and web seeds of a .torrent file",
		Long: `Changes what a .torrent file says beside its content. The content, and so the info
hash, stays; keys of the file that are not known here are kept. FILE is replaced
in one step, or stays as it was; with --output it is not touched; - is
standard input, and standard output unless --output names a file.

First --tracker and --webseed set what they name in place of what was there,
then the remove flags, --replace-tracker and the add flags follow. Standard output
has the file's name, the info hash and the magnet link.`,
		Example: `  shoal edit album.torrent --add-tracker http://tracker.example/announce
  shoal edit album.torrent --tracker http://a.example/announce --tracker udp://b.example:6969
  shoal edit album.torrent --replace-tracker 'http://old.example/a http://new.example/a'
  shoal edit album.torrent --remove-tracker all --comment '' -o public.torrent
  shoal edit album.torrent --add-webseed https://files.example/`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: torrentFiles,
		RunE: func(cmd *cobra.Command, args []string) error {
			f := cmd.Flags()
			o.setTrackers, o.setSeeds, o.setComment = f.Changed("tracker"), f.Changed("webseed"), f.Changed("comment")
			return edit(con, &o, args[0])
		},
	}
	f := cmd.Flags()
	f.StringVarP(&o.output, "output", "o", "", "write to `FILE`, - for standard output, and leave the original alone")
	f.BoolVar(&o.overwrite, "overwrite", false, "let --output write over an existing file")
	f.StringArrayVar(&o.tracker, "tracker", nil, "these trackers in place of all; a `URL` or several with blanks between that share a tier; repeatable")
	f.StringArrayVar(&o.add, "add-tracker", nil, "a further tier with this `URL`; repeatable")
	f.StringArrayVar(&o.remove, "remove-tracker", nil, "take this `URL` out, or all; repeatable")
	f.StringArrayVar(&o.replace, "replace-tracker", nil, "put one tracker in the place of another, `'OLD NEW'`; repeatable")
	f.StringArrayVar(&o.seeds, "webseed", nil, "these web seeds in place of all, `URL`; repeatable")
	f.StringArrayVar(&o.addSeeds, "add-webseed", nil, "a further web seed, `URL`; repeatable")
	f.StringArrayVar(&o.removeSeeds, "remove-webseed", nil, "take this `URL` out, or all; repeatable")
	f.StringVar(&o.comment, "comment", "", "a `TEXT` for people; '' takes it out")
	return cmd
}

type editedEvent struct {
	event
	File   string `json:"file"`
	ID     string `json:"id"`
	Magnet string `json:"magnet"`
}

func edit(con *console, o *editOptions, file string) error {
	if !o.setTrackers && !o.setSeeds && !o.setComment && len(o.add)+len(o.remove)+len(o.replace)+len(o.addSeeds)+len(o.removeSeeds) == 0 {
		return withCode(exitUsage, errors.New("nothing to change: name a tracker, a web seed or a comment; see `shoal help edit`"))
	}
	old, err := readBytes(file, con.stdin)
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	before, err := parse(bytes.NewReader(old), metainfo.MaxTorrentFile)
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	b, err := o.apply(old, before)
	if err != nil {
		return err
	}
	after, err := parse(bytes.NewReader(b), metainfo.MaxTorrentFile)
	if err == nil && (after.ID != before.ID || !bytes.Equal(after.InfoBytes, before.InfoBytes)) {
		err = errors.New("the info hash would change; nothing was written")
	}
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	for _, w := range after.Warnings {
		con.Note("warning: %s", w)
	}
	switch {
	case o.output == "-", o.output == "" && file == "-":
		_, err := con.stdout.Write(b)
		return err
	case o.output != "":
		file = o.output
		err = writeNew(file, b, o.overwrite)
	default:
		err = replaceFile(file, b)
	}
	if err != nil {
		return err
	}
	con.Result("file    %s\nhash    %s\nmagnet  %s", text.Clean(file, 0), after.ID, after.Magnet())
	con.Event(editedEvent{newEvent("done"), file, after.ID.String(), after.Magnet().String()})
	return nil
}

// apply returns the bytes of the file with the changes.
func (o *editOptions) apply(old []byte, t *metainfo.Torrent) ([]byte, error) {
	keys := map[string]any{}
	if o.setTrackers || len(o.add)+len(o.remove)+len(o.replace) > 0 {
		tiers, err := o.trackers(t.Trackers)
		if err != nil {
			return nil, err
		}
		keys["announce"], keys["announce-list"] = announceKeys(tiers)
	}
	if o.setSeeds || len(o.addSeeds)+len(o.removeSeeds) > 0 {
		seeds, err := o.webSeeds(t.WebSeeds)
		if err != nil {
			return nil, err
		}
		keys["url-list"] = nil
		if len(seeds) > 0 {
			keys["url-list"] = seeds
		}
	}
	if o.setComment {
		keys["comment"] = nil
		if o.comment != "" {
			keys["comment"] = o.comment
		}
	}
	return withKeys(old, keys)
}

// trackers returns the new tiers.
func (o *editOptions) trackers(old [][]string) ([][]string, error) {
	var now [][]string
	for _, tier := range old {
		now = append(now, slices.Clone(tier))
	}
	if o.setTrackers {
		now = tiers(o.tracker)
	}
	for _, r := range o.remove {
		if r == "all" {
			now = nil
		} else if !change(now, r, "") {
			return nil, withCode(exitUsage, fmt.Errorf("--remove-tracker %s: the torrent has no such tracker", r))
		}
	}
	for _, r := range o.replace {
		words := strings.Fields(r)
		if len(words) != 2 {
			return nil, withCode(exitUsage, fmt.Errorf("--replace-tracker %q: write 'OLD NEW'", r))
		}
		if !change(now, words[0], words[1]) {
			return nil, withCode(exitUsage, fmt.Errorf("--replace-tracker %s: the torrent has no such tracker", words[0]))
		}
	}
	now = append(now, tiers(o.add)...)
	seen := map[string]bool{"": true}
	for i, tier := range now {
		kept := tier[:0]
		for _, u := range tier {
			clean := u
			if u != "" {
				var err error
				if clean, err = metainfo.CheckTracker(u); err != nil {
					return nil, badTracker(u, err)
				}
			}
			if !seen[clean] {
				seen[clean] = true
				kept = append(kept, clean)
			}
		}
		now[i] = kept
	}
	return slices.DeleteFunc(now, func(tier []string) bool { return len(tier) == 0 }), nil
}

// change puts another URL in the place of one, and reports whether that was there.
func change(tiers [][]string, from, to string) (found bool) {
	for _, tier := range tiers {
		for i, u := range tier {
			if u == from {
				tier[i], found = to, true
			}
		}
	}
	return found
}

// webSeeds returns the new list.
func (o *editOptions) webSeeds(old []string) ([]string, error) {
	now := slices.Clone(old)
	if o.setSeeds {
		now = slices.Clone(o.seeds)
	}
	for _, r := range o.removeSeeds {
		if r == "all" {
			now = nil
		} else if !slices.Contains(now, r) {
			return nil, withCode(exitUsage, fmt.Errorf("--remove-webseed %s: the torrent has no such web seed", r))
		}
		now = slices.DeleteFunc(now, func(s string) bool { return s == r })
	}
	now = append(now, o.addSeeds...)
	if err := checkWebSeeds(now); err != nil {
		return nil, err
	}
	seen := map[string]bool{"": true}
	return slices.DeleteFunc(now, func(s string) bool { twice := seen[s]; seen[s] = true; return twice }), nil
}

// readBytes reads a whole .torrent file, or standard input.
func readBytes(file string, stdin io.Reader) ([]byte, error) {
	if file == "-" {
		return io.ReadAll(io.LimitReader(stdin, metainfo.MaxTorrentFile+1))
	}
	f, err := os.Open(file)
	if err != nil {
		return nil, plainCause(err)
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, metainfo.MaxTorrentFile+1))
}

// replaceFile puts new bytes in the place of a file in one step: whoever opens it, also after
// a power cut, finds the old ones or the new ones. A symbolic link stays one.
func replaceFile(file string, b []byte) (err error) {
	if file, err = filepath.EvalSymlinks(file); err != nil {
		return err
	}
	st, err := os.Stat(file)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(file), "."+filepath.Base(file)+".*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name())
		}
	}()
	_, err = f.Write(b)
	if err = errors.Join(err, f.Chmod(st.Mode().Perm()), f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), file); err != nil {
		return err
	}
	return syncFolder(filepath.Dir(file))
}

// syncFolder makes a rename durable where the system can.
func syncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return nil // it may be written to, but not read
	}
	_ = d.Sync() // Windows and some file systems cannot
	return d.Close()
}
