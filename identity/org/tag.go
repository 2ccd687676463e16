package org

import "context"

// tags are those of a root, unit, account or policy of the organization (ORG-23); none for what is not there.
func (o *Organizations) tags(ctx context.Context, f *Organization, id string) (map[string]string, error) {
	return nil, nil
}
