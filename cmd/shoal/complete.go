package main

import (
	"context"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"shoal/internal/filter"
	"shoal/internal/text"
	"shoal/rpc"
	"shoal/status"
)

// completeWithin is how long Tab waits for a daemon.
const completeWithin = 300 * time.Millisecond

// completeIDs offers the torrents of the daemon: numbers, or hashes where one was begun, with their names. Where none answers in time
// there is nothing to offer, and nothing is said.
func (r *remote) completeIDs(cmd *cobra.Command, args []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
	return r.complete(cmd, args, begun), cobra.ShellCompDirectiveNoFileComp
}

// completeFirst is completeIDs for the first argument alone.
func (r *remote) completeFirst(cmd *cobra.Command, args []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveDefault
	}
	return r.complete(cmd, args, begun), cobra.ShellCompDirectiveNoFileComp
}

func (r *remote) complete(cmd *cobra.Command, args []string, begun string) (offers []cobra.Completion) {
	r.live(cmd, func(_ context.Context, _ *rpc.Client, list []status.Entry) { offers = offersOf(list, args, begun) })
	return offers
}

// live calls ask with the list of the daemon, if one answers while somebody waits for Tab.
func (r *remote) live(cmd *cobra.Command, ask func(context.Context, *rpc.Client, []status.Entry)) {
	if fromEnvironment(cmd.Flags()) != nil {
		return
	}
	r.timeout = completeWithin
	ctx, cancel := context.WithTimeout(context.Background(), completeWithin)
	defer cancel()
	c, err := r.open(ctx)
	if err != nil {
		return
	}
	defer c.Close()
	if list, _, err := c.Entries(ctx, time.Time{}); err == nil {
		ask(ctx, c, list)
	}
}

// offerWords completes a flag with words that torrents have: those named by the arguments, or all.
func (r *remote) offerWords(cmd *cobra.Command, flag string, of func(*status.Entry) []string) {
	complete(cmd, flag, func(cmd *cobra.Command, args []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
		words := map[string]bool{}
		r.live(cmd, func(_ context.Context, _ *rpc.Client, list []status.Entry) {
			if some, _, err := pick(list, args); err == nil && len(some) > 0 {
				list = some
			}
			for i := range list {
				for _, w := range of(&list[i]) {
					if w = text.Clean(w, 0); strings.HasPrefix(w, begun) {
						words[w] = true
					}
				}
			}
		})
		return slices.Sorted(maps.Keys(words)), cobra.ShellCompDirectiveNoFileComp
	})
}

func labelsOf(e *status.Entry) []string { return e.Labels }

func trackersOf(e *status.Entry) []string { return slices.Concat(e.Trackers...) }

// completePaths offers torrents, then the files and folders of the one that is named.
func (r *remote) completePaths(cmd *cobra.Command, args []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
	paths := map[string]bool{}
	switch len(args) {
	case 0:
		return r.completeIDs(cmd, args, begun)
	case 1:
		r.live(cmd, func(ctx context.Context, c *rpc.Client, list []status.Entry) {
			some, _, err := pick(list, args)
			if err != nil || len(some) != 1 {
				return
			}
			files, _ := c.Files(ctx, some[0].ID)
			for _, f := range files {
				for p := f.Path; p != "." && p != "/"; p = path.Dir(p) {
					if strings.HasPrefix(p, begun) && text.Clean(p, 0) == p {
						paths[p] = true
					}
				}
			}
		})
	}
	return slices.Sorted(maps.Keys(paths)), cobra.ShellCompDirectiveNoFileComp
}

// completeColumns offers columns behind those that stand there.
func completeColumns(_ *cobra.Command, _ []string, begun string) (offers []cobra.Completion, _ cobra.ShellCompDirective) {
	before, word := begun[:strings.LastIndexByte(begun, ',')+1], begun[strings.LastIndexByte(begun, ',')+1:]
	for _, name := range columnNames() {
		if strings.HasPrefix(name, word) && !slices.Contains(strings.Split(before, ","), name) {
			offers = append(offers, before+name)
		}
	}
	return offers, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
}

// completeFilter offers the keys of a filter, and the words of state:.
func completeFilter(_ *cobra.Command, _ []string, begun string) (offers []cobra.Completion, _ cobra.ShellCompDirective) {
	at := strings.LastIndexAny(begun, " (!") + 1
	before, word := begun[:at], begun[at:]
	for key, field := range filter.Fields {
		if strings.HasPrefix(key, word) {
			offers = append(offers, cobra.CompletionWithDesc(before+key, field.Doc))
		}
	}
	for _, state := range filter.States {
		if w := "state:" + state; strings.HasPrefix(w, word) && strings.Contains(word, ":") {
			offers = append(offers, before+w)
		}
	}
	slices.Sort(offers)
	return offers, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
}

// offersOf are the completions of a word that was begun: no torrent that args name already.
func offersOf(list []status.Entry, args []string, begun string) (offers []cobra.Completion) {
	given := map[string]bool{}
	for _, a := range args {
		given[a] = true
	}
	for i := range list {
		e := &list[i]
		number, hash := fmt.Sprint(e.Number), e.ID.String()
		if given[number] || given[hash] {
			continue
		}
		name := text.Clean(e.Name, 60)
		switch {
		case strings.HasPrefix(number, begun):
			offers = append(offers, cobra.CompletionWithDesc(number, name))
		case strings.HasPrefix(hash, strings.ToLower(begun)):
			offers = append(offers, cobra.CompletionWithDesc(hash, name))
		}
	}
	if len(args) == 0 && strings.HasPrefix("all", begun) {
		offers = append(offers, cobra.CompletionWithDesc("all", "every torrent"))
	}
	return offers
}
