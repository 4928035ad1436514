package main

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"shoal/rpc"
	"shoal/status"
)

func newMove(con *console) *cobra.Command {
	r := remote{con: con}
	var noData bool
	cmd := r.picking(&cobra.Command{
		Use:   "move ID... DIR",
		Short: "Move the files of torrents to another folder",
		Long: `Makes DIR of the daemon's machine the folder of torrents and moves their files there; where that is this machine, DIR may be counted from the current folder. The command ends when that has begun; ` +
			"`shoal show`" + ` tells when it is over, or has failed. With --no-data nothing is moved, and the files are looked for in DIR.`,
		Example: `  shoal move 3 /srv/iso
  shoal move --filter label:music /srv/music
  shoal move 5aff /mnt/old --no-data`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			words, dir := args[:len(args)-1], args[len(args)-1]
			return r.with(cmd.Context(), func(ctx context.Context, c *rpc.Client) error {
				dir, err := r.folder(c.Local(), dir)
				if err != nil {
					return err
				}
				list, missing, err := r.choose(ctx, c, words)
				if err != nil {
					return err
				}
				return r.all(ctx, c, list, missing, "moving", func(ctx context.Context, c *rpc.Client, e *status.Entry) error {
					return c.Move(ctx, e.ID, dir, !noData)
				})
			})
		},
		ValidArgsFunction: func(cmd *cobra.Command, args []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
			if len(args) == 0 && !strings.Contains(begun, "/") {
				return r.completeIDs(cmd, args, begun)
			}
			return nil, cobra.ShellCompDirectiveFilterDirs
		},
	})
	cmd.Flags().BoolVar(&noData, "no-data", false, "move no files: they are there already")
	return cmd
}

func newRename(con *console) *cobra.Command {
	r := remote{con: con}
	cmd := r.command(&cobra.Command{
		Use:   "rename ID PATH NAME",
		Short: "Rename a file or folder of a torrent",
		Long: `Gives the file or folder at PATH of a torrent the name NAME, on the disk too. PATH is as ` + "`shoal files`" + ` shows it; the name of the
torrent is its uppermost folder, or its only file.`,
		Example: `  shoal rename 3 album record
  shoal rename 3 album/01.flac first.flac`,
		Args:              cobra.ExactArgs(3),
		ValidArgsFunction: r.completePaths,
		RunE: func(cmd *cobra.Command, args []string) error {
			return r.with(cmd.Context(), func(ctx context.Context, c *rpc.Client) error {
				e, err := r.one(ctx, c, args[0])
				if err != nil {
					return err
				}
				if err := c.Rename(ctx, e.ID, args[1], args[2]); err != nil {
					return err
				}
				r.did("renamed", &e)
				return nil
			})
		},
	})
	return cmd
}
