package main

import (
	"context"
	"fmt"
	"os"
	"text/tabwriter"
	"time"
)

// GCCmd is `berth gc`.
type GCCmd struct {
	Status GCStatusCmd `cmd:"" help:"Show what the collection of garbage has freed, and what waits for it."`
}

// GCStatusCmd is `berth gc status`.
type GCStatusCmd struct{ Target }

// Help is the longer text of `berth gc status --help`.
func (c *GCStatusCmd) Help() string {
	return `Garbage is collected all the time, while the registry serves; there is nothing to start, and nothing has to be read-only for it. A layer goes a day after the last image of its repository that used it (and after the time in which deleted images can be brought back), its bytes some hours later, when no other repository holds them. It needs berth:DescribeGarbageCollection.`
}

// Run asks the running server.
func (c *GCStatusCmd) Run(ctx context.Context, cli *CLI) error {
	var out struct {
		WaitingLayers    int64 `json:"waitingLayers"`
		OverdueSeconds   int64 `json:"overdueSeconds"`
		CondemnedBlobs   int64 `json:"condemnedBlobs"`
		DeadObjects      int64 `json:"deadObjects"`
		ReclaimableBytes int64 `json:"reclaimableBytes"`
		CollectedLayers  int64 `json:"collectedLayers"`
		DeletedObjects   int64 `json:"deletedObjects"`
		FreedBytes       int64 `json:"freedBytes"`
	}
	if err := c.call(ctx, "DescribeGarbageCollection", map[string]any{}, &out); err != nil {
		return err
	}
	if cli.Output == "json" {
		return printJSON(out)
	}
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	overdue := ""
	if out.OverdueSeconds > 0 {
		overdue = fmt.Sprintf(", the first for %s", time.Duration(out.OverdueSeconds)*time.Second)
	}
	fmt.Fprintf(w, "freed\t%s\t%d objects, %d layers of repositories\n", size(out.FreedBytes), out.DeletedObjects, out.CollectedLayers)
	fmt.Fprintf(w, "on its way out\t%s\t%d blobs that no repository holds, %d objects that somebody may still be reading\n", size(out.ReclaimableBytes), out.CondemnedBlobs, out.DeadObjects)
	fmt.Fprintf(w, "to be looked at\t\t%d layers that no image used when they were pushed or lost one%s\n", out.WaitingLayers, overdue)
	return w.Flush()
}
