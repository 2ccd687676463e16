package org

import "context"

// delegated answers whether an account that does not manage the organization may do what a says all the same: delegated administrators read, and do what the
// organization's resource policy lets them (ORG-22, ORG-23, ORG-24).
func (o *Organizations) delegated(ctx context.Context, f *Organization, account string, a access) (bool, error) {
	return false, nil
}
