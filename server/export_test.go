package server

import (
	"github.com/berth-registry/berth/api/front"
	"github.com/berth-registry/berth/lang/awswire"
)

// Services are the AWS services that s answers, for tests that walk all of their operations.
func (s *Server) Services() []*awswire.Service { return s.handler.(*front.Front).Services }
