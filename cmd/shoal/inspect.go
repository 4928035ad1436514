package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"shoal/internal/text"
	"shoal/metainfo"
)

func newInspect(con *console) *cobra.Command {
	var onlyMagnet, onlyFiles bool
	cmd := &cobra.Command{
		Use:   "inspect FILE|MAGNET",
		Short: "Show what is inside of a .torrent file or magnet link",
		Long: `Shows what a .torrent file, a URL of one, or a magnet link says; - reads a
.torrent file from standard input. Nothing is downloaded and no peer is asked.`,
		Example: `  shoal inspect debian.torrent
  shoal inspect --files debian.torrent
  shoal inspect --magnet debian.torrent
  shoal inspect --json debian.torrent | jq '.files[].path'
  shoal inspect 'magnet:?xt=urn:btih:0123456789abcdef0123456789abcdef01234567'`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: torrentFiles,
		RunE: func(cmd *cobra.Command, args []string) error {
			d, err := describe(cmd, con, args[0])
			switch {
			case err != nil:
				return err
			case con.json:
				b, err := json.Marshal(d)
				if err != nil {
					return err
				}
				con.line(con.stdout, string(b))
			case onlyMagnet:
				con.Result("%s", d.Magnet)
			case onlyFiles:
				d.printFiles(con.stdout)
			default:
				d.print(con.stdout)
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&onlyMagnet, "magnet", false, "print the magnet link only")
	cmd.Flags().BoolVar(&onlyFiles, "files", false, "print the sizes and names of the files only")
	cmd.MarkFlagsMutuallyExclusive("magnet", "files")
	return cmd
}

// description is all that a torrent or magnet link says; it is the JSON form. Text
// in it is as the torrent has it: print cleans, JSON escapes.
type description struct {
	event
	HashV1       string            `json:"hash_v1,omitempty"`
	HashV2       string            `json:"hash_v2,omitempty"`
	Name         string            `json:"name"`
	Size         int64             `json:"size"`
	PieceLength  int64             `json:"piece_length,omitempty"`
	Pieces       int               `json:"pieces,omitempty"`
	Private      bool              `json:"private"`
	Trackers     [][]string        `json:"trackers"`
	WebSeeds     []string          `json:"webseeds"`
	Nodes        []string          `json:"nodes"`
	Peers        []string          `json:"peers,omitempty"`
	Comment      string            `json:"comment,omitempty"`
	CreatedBy    string            `json:"created_by,omitempty"`
	Created      *time.Time        `json:"created,omitempty"`
	Files        []fileDescription `json:"files"`
	Downloadable bool              `json:"downloadable"`
	Warnings     []string          `json:"warnings"`
	Magnet       string            `json:"magnet"`
}

type fileDescription struct {
	Path       string   `json:"path"`
	Raw        []string `json:"raw,omitempty"` // where it differs from Path
	Length     int64    `json:"length"`
	Pad        bool     `json:"pad,omitempty"`
	Executable bool     `json:"executable,omitempty"`
	Hidden     bool     `json:"hidden,omitempty"`
	Symlink    bool     `json:"symlink,omitempty"`
}

func describe(cmd *cobra.Command, con *console, source string) (*description, error) {
	if isMagnet(source) {
		m, err := metainfo.ParseMagnet(source)
		if err != nil {
			return nil, withCode(exitBadTorrent, err)
		}
		return ofMagnet(m), nil
	}
	t, err := readAny(cmd.Context(), source, con.stdin)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", source, err)
	}
	return ofTorrent(t), nil
}

func ofID(id metainfo.ID) *description {
	d := &description{event: newEvent("torrent"), Trackers: [][]string{}, WebSeeds: []string{}, Nodes: []string{}, Files: []fileDescription{}, Warnings: []string{}}
	if id.HasV1() {
		d.HashV1 = id.V1.String()
	}
	if id.HasV2() {
		d.HashV2 = id.V2.String()
	}
	return d
}

func ofMagnet(m metainfo.Magnet) *description {
	d := ofID(m.ID)
	d.Type = "magnet"
	d.Name, d.Size, d.Peers, d.Magnet = m.Name, m.Length, m.Peers, m.String()
	d.Trackers = append(d.Trackers, tiers(m.Trackers)...)
	d.WebSeeds = append(d.WebSeeds, m.WebSeeds...)
	d.Warnings = append(d.Warnings, m.Warnings...)
	return d
}

func ofTorrent(t *metainfo.Torrent) *description {
	in, d := t.Info, ofID(t.ID)
	d.Name, d.Size, d.PieceLength, d.Pieces, d.Private = in.Name(), in.Payload(), in.PieceLength(), in.NumPieces(), in.Private()
	d.Trackers = append(d.Trackers, t.Trackers...)
	d.WebSeeds = append(d.WebSeeds, t.WebSeeds...)
	d.Nodes = append(d.Nodes, t.Nodes...)
	d.Warnings = append(d.Warnings, t.Warnings...)
	d.Comment, d.CreatedBy, d.Magnet = t.Comment, t.CreatedBy, t.Magnet().String()
	if !t.Created.IsZero() {
		created := t.Created.UTC()
		d.Created = &created
	}
	d.Downloadable = true
	if err := in.Downloadable(); err != nil {
		d.Downloadable = false
		d.Warnings = append(d.Warnings, err.Error())
	}
	for _, f := range in.Files() {
		fd := fileDescription{Path: f.Path, Length: f.Length, Pad: f.Pad, Executable: f.Executable, Hidden: f.Hidden, Symlink: f.Symlink}
		if raw := strings.Join(f.Raw, "/"); raw != f.Path && raw != strings.TrimPrefix(f.Path, in.Name()+"/") {
			fd.Raw = f.Raw
		}
		d.Files = append(d.Files, fd)
	}
	return d
}

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
		row("size", fmt.Sprintf("%s (%d bytes)", text.Size(d.Size), d.Size))
	}
	if d.PieceLength > 0 {
		row("pieces", fmt.Sprintf("%d of %s", d.Pieces, text.SizeBinary(d.PieceLength)))
	}
	if d.Private {
		row("private", "yes: peers come from the trackers only")
	}
	for i, tier := range d.Trackers {
		row(numbered("tracker", i, len(d.Trackers)), strings.Join(tier, " "))
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
		fmt.Fprintf(w, "files      %d\n", len(d.Files))
		d.printFiles(w)
	}
}

// printFiles writes number, size and name of every file; pad files are no files of anybody.
func (d *description) printFiles(w io.Writer) {
	for i, f := range d.Files {
		if f.Pad {
			continue
		}
		kind := ""
		if f.Symlink {
			kind = "  (symbolic link, not made)"
		}
		fmt.Fprintf(w, "%6d  %8s  %s%s\n", i+1, text.Size(f.Length), text.Clean(f.Path, 0), kind)
	}
}

// numbered names the tiers only where there is more than one.
func numbered(what string, i, n int) string {
	if n == 1 {
		return what
	}
	return fmt.Sprintf("%s %d", what, i+1)
}
