package org

import (
	"context"

	"github.com/berth-registry/berth/lang/policy"
)

// Levels lets tests see what binds an account as explain shows it.
func (o *Organizations) Levels(ctx context.Context, account string) (scp, rcp []policy.Level, err error) {
	m, err := o.membership(ctx, account)
	if m == nil || err != nil {
		return nil, nil, err
	}
	return m.SCP, m.RCP, nil
}
