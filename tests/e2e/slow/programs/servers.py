# SPDX-License-Identifier: BSD-2-Clause
"""Servers of many kinds: servers.py NAME PORT."""
import concurrent.futures
import sys
import time

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


def cherrypy(port):
    """A pool of threads."""
    import cherrypy

    class Root:
        @cherrypy.expose
        def index(self):
            return encode(1000)

    cherrypy.config.update({"server.socket_port": port, "environment": "production"})
    cherrypy.quickstart(Root())


def smtp(port):
    """An event loop in a thread of its own takes mails."""
    from aiosmtpd.controller import Controller

    @counted
    def store(mail):
        return sorted(mail.split())

    class Handler:
        async def handle_DATA(self, server, session, envelope):
            store(envelope.content)
            return "250 OK"

    Controller(Handler(), hostname="127.0.0.1", port=port).start()
    while True:
        time.sleep(1)


def grpc(port):
    """Native threads that do the I/O, and Python's that answer."""
    import grpc

    def answer(request, context):
        return encode(int(request))

    server = grpc.server(concurrent.futures.ThreadPoolExecutor(4))
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(
        "Test", {"Encode": grpc.unary_unary_rpc_method_handler(answer)})])
    server.add_insecure_port("127.0.0.1:%d" % port)
    server.start()
    server.wait_for_termination()


globals()[sys.argv[1]](int(sys.argv[2]))
