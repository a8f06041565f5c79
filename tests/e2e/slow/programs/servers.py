# SPDX-License-Identifier: BSD-2-Clause
"""Event loops that are not asyncio's, or older: servers.py NAME PORT."""
import sys

from counted import counted


@counted
def encode(n):
    return ",".join(str(i) for i in range(n)).encode()


def tornado(port):
    import tornado.ioloop
    import tornado.web

    class Page(tornado.web.RequestHandler):
        def get(self):
            self.write(encode(1000))

    tornado.web.Application([("/", Page)]).listen(port)
    tornado.ioloop.IOLoop.current().start()


def twisted(port):
    from twisted.internet import reactor
    from twisted.web import resource, server

    class Page(resource.Resource):
        isLeaf = True

        def render_GET(self, request):
            return encode(1000)

    reactor.listenTCP(port, server.Site(Page()))
    reactor.run()


globals()[sys.argv[1]](int(sys.argv[2]))
