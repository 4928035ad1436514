package main

import (
	"context"

	"github.com/spf13/cobra"

	"shoal/rpc"
	"shoal/status"
)

func newStart(con *console) *cobra.Command {
	r := remote{con: con}
	var now bool
	cmd := r.picking(&cobra.Command{
		Use:   "start ID...",
		Short: "Start torrents of a daemon",
		Long:  `Lets torrents run that are stopped, when their turn in the queue has come.`,
		Example: `  shoal start 3 5-7
  shoal start all
  shoal start --now --filter label:urgent`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return r.each(cmd.Context(), args, "started", func(ctx context.Context, c *rpc.Client, e *status.Entry) error { return c.Start(ctx, e.ID, now) })
		},
	})
	cmd.Flags().BoolVar(&now, "now", false, "do not wait for a place in the queue")
	return cmd
}

func newStop(con *console) *cobra.Command {
	r := remote{con: con}
	return r.picking(&cobra.Command{
		Use:   "stop ID...",
		Short: "Stop torrents of a daemon",
		Long:  `Stops torrents until they are started again, over restarts of the daemon too.`,
		Example: `  shoal stop 3
  shoal stop --filter 'ratio>=2 state:seeding'`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return r.each(cmd.Context(), args, "stopped", func(ctx context.Context, c *rpc.Client, e *status.Entry) error { return c.Stop(ctx, e.ID) })
		},
	})
}

func newVerify(con *console) *cobra.Command {
	r := remote{con: con}
	return r.picking(&cobra.Command{
		Use:   "verify ID...",
		Short: "Have a daemon hash the files of torrents anew",
		Long: `Compares all files of torrents with their hashes. The command ends when the check has begun; ` + "`shoal wait`" + ` waits for
its end. What is damaged is downloaded again.`,
		Example: `  shoal verify 3
  shoal verify all`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return r.each(cmd.Context(), args, "verifying", func(ctx context.Context, c *rpc.Client, e *status.Entry) error { return c.Verify(ctx, e.ID) })
		},
	})
}

func newAnnounce(con *console) *cobra.Command {
	r := remote{con: con}
	return r.picking(&cobra.Command{
		Use:     "announce ID...",
		Short:   "Have a daemon ask trackers for peers now",
		Long:    `Asks the trackers and the DHT for peers of torrents, as soon as they allow that.`,
		Example: `  shoal announce 3`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return r.each(cmd.Context(), args, "announced", func(ctx context.Context, c *rpc.Client, e *status.Entry) error { return c.Announce(ctx, e.ID) })
		},
	})
}

func newRemove(con *console) *cobra.Command {
	o := removeOptions{remote: remote{con: con}}
	cmd := o.picking(&cobra.Command{
		Use:   "remove ID...",
		Short: "Take torrents out of a daemon's list, with or without files",
		Long: `Takes torrents out of the list. Their files stay, unless --with-data is given: then it shows what will be
deleted and asks, and anything but y keeps everything. Where it cannot ask, --with-data needs --yes.`,
		Example: `  shoal remove 3
  shoal remove 5aff --with-data
  shoal remove --with-data --yes --filter 'state:seeding ratio>=2'`,
		RunE: func(cmd *cobra.Command, args []string) error { return o.run(cmd.Context(), args) },
	})
	cmd.Flags().BoolVar(&o.data, "with-data", false, "delete their files too")
	cmd.Flags().BoolVar(&o.yes, "yes", false, "do not ask")
	return cmd
}
