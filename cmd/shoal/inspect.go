package main

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"shoal/internal/bencode"
	"shoal/metainfo"
)

func newInspect(con *console) *cobra.Command {
	var onlyMagnet, onlyFiles bool
	cmd := &cobra.Command{
		Use:   "inspect FILE|MAGNET|HASH",
		Short: "Show what is inside of a .torrent file or magnet link",
		Long: `Shows what a .torrent file, a URL of one, a magnet link or an info hash says; -
reads a .torrent file from standard input. Nothing is downloaded and no peer is asked.

Trackers are shown by tier, files as a tree with the number that get --files
takes. Foreign text is shown with everything that could steer a terminal made
visible; --json has it as the torrent has it.`,
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
				con.Event(d)
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
	Source       string            `json:"source,omitempty"`
	Trackers     [][]string        `json:"trackers"`
	WebSeeds     []string          `json:"webseeds"`
	Nodes        []string          `json:"nodes"`
	Peers        []string          `json:"peers,omitempty"`
	Select       string            `json:"select,omitempty"` // of a magnet link, as get --files takes it
	Comment      string            `json:"comment,omitempty"`
	CreatedBy    string            `json:"created_by,omitempty"`
	Created      *time.Time        `json:"created,omitempty"`
	Files        []fileDescription `json:"files"`
	Downloadable bool              `json:"downloadable"`
	Warnings     []string          `json:"warnings"`
	Magnet       string            `json:"magnet"`
}

type fileDescription struct {
	Index      int      `json:"index,omitempty"` // as --files takes it; padding has none
	Path       string   `json:"path"`
	Raw        []string `json:"raw,omitempty"` // where it differs from Path
	Length     int64    `json:"length"`
	Pad        bool     `json:"pad,omitempty"`
	Executable bool     `json:"executable,omitempty"`
	Hidden     bool     `json:"hidden,omitempty"`
	Symlink    bool     `json:"symlink,omitempty"`
	Root       string   `json:"root,omitempty"` // of its Merkle tree (BEP 52)
}

func describe(cmd *cobra.Command, con *console, source string) (*description, error) {
	if isMagnet(source) {
		m, err := metainfo.ParseMagnet(source)
		if err != nil {
			return nil, withCode(exitBadTorrent, err)
		}
		return ofMagnet(m), nil
	}
	if id, err := metainfo.ParseID(source); err == nil {
		if _, err := os.Lstat(source); errors.Is(err, fs.ErrNotExist) {
			return ofMagnet(metainfo.Magnet{ID: id}), nil
		}
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
	var chosen []string
	for _, r := range m.Select {
		chosen = append(chosen, strconv.Itoa(r.First+1))
		if r.Last > r.First {
			chosen[len(chosen)-1] += fmt.Sprintf("-%d", r.Last+1)
		}
	}
	d.Select = strings.Join(chosen, ",")
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
	d.Source = in.Source()
	roots := rootsOf(t.InfoBytes)
	numbers := fileNumbers(in)
	for i, f := range in.Files() {
		fd := fileDescription{Index: numbers[i], Path: f.Path, Length: f.Length, Pad: f.Pad, Executable: f.Executable, Hidden: f.Hidden, Symlink: f.Symlink}
		if raw := strings.Join(f.Raw, "/"); raw != f.Path && raw != strings.TrimPrefix(f.Path, in.Name()+"/") {
			fd.Raw = f.Raw
		}
		if len(roots) > 0 && !f.Pad {
			fd.Root, roots = roots[0], roots[1:]
		}
		d.Files = append(d.Files, fd)
	}
	return d
}

// rootsOf lists the Merkle roots in the file tree of a checked info dictionary (BEP 52), one a
// file, in order; "" for an empty file, nothing for a v1 torrent.
func rootsOf(info []byte) []string {
	var roots []string
	for key, tree := range bencode.Dict(info) {
		if key == "file tree" {
			roots = appendRoots(nil, tree)
		}
	}
	return roots
}

// appendRoots walks one folder of the tree, whose depth was bounded when it was read.
func appendRoots(roots []string, folder []byte) []string {
	for name, entry := range bencode.Dict(folder) {
		if name != "" {
			roots = appendRoots(roots, entry)
			continue
		}
		root := ""
		for key, val := range bencode.Dict(entry) {
			if b, ok := bencode.String(val); ok && key == "pieces root" {
				root = hex.EncodeToString(b)
			}
		}
		roots = append(roots, root)
	}
	return roots
}
