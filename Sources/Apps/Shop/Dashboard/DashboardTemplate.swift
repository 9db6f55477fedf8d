/// The page as Mustache, and the two texts inside it that the content security policy names by their hashes.
enum DashboardTemplate {
    /// Whatever is filled in is escaped: no triple braces here.
    static let page = """
        <!doctype html>
        <html lang="en">
        <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <meta name="color-scheme" content="light dark">
        <title>Apus Shop</title>
        <link rel="icon" href="data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 32 32'%3E%3Cpath \
        d='M2 9c6 0 10 3 14 9 4-6 8-9 14-9-6 2-9 6-11 12l-3 6-3-6C11 15 8 11 2 9z' fill='%23787fd6'/%3E%3C/svg%3E">
        <noscript><meta http-equiv="refresh" content="5"></noscript>
        <style>\(style)</style>
        </head>
        <body>
        <header>
        <h1>Apus Shop</h1>
        <p id="lost" role="status" hidden>The platform does not answer. Trying again.</p>
        <button id="pause" type="button" aria-pressed="false" hidden>Pause</button>
        </header>
        <main>\(content)</main>
        <script>\(script)</script>
        </body>
        </html>
        """

    private static let content = """

        <p class="summary"><strong class="{{health}}">{{summary}}</strong> <span>{{ordersSummary}}</span> \
        <time datetime="{{now}}">{{nowText}}</time></p>
        <section aria-labelledby="services">
        <h2 id="services">Services</h2>
        {{^services}}<p class="empty">No service has registered yet.</p>{{/services}}
        <ul class="services">
        {{#services}}
        <li>
        <h3>{{name}} <span class="count">{{count}}</span></h3>
        <ul>
        {{#instances}}
        <li class="instance {{state}}"><span class="mark" aria-hidden="true">{{mark}}</span>\
        <span class="id">{{id}}</span> <span class="state">{{stateText}}</span> <span class="address">{{address}}</span>\
        {{#detail}}<span class="detail">{{.}}</span>{{/detail}}</li>
        {{/instances}}
        </ul>
        </li>
        {{/services}}
        </ul>
        </section>
        <section aria-labelledby="orders">
        <h2 id="orders">Last orders</h2>
        {{#ordersProblem}}<p class="empty">{{.}}</p>{{/ordersProblem}}
        {{#noOrders}}<p class="empty">No orders yet. Place one, and watch its saga here.</p>{{/noOrders}}
        <ol class="orders">
        {{#orders}}
        <li class="order">
        <div class="head">
        <span class="badge {{status}}">{{status}}</span>
        <code>{{id}}</code>
        <span class="total">{{total}}</span>
        <time datetime="{{createdAt}}">{{age}}</time>
        </div>
        <p class="lines">{{lines}}</p>
        <ol class="steps" aria-label="Steps of the saga">
        {{#steps}}
        <li class="{{phase}}"><span class="mark" aria-hidden="true">{{mark}}</span><span class="name">{{name}}</span> \
        <span class="phase">{{phaseText}}</span></li>
        {{/steps}}
        </ol>
        {{#reason}}<p class="reason">{{.}}</p>{{/reason}}
        </li>
        {{/orders}}
        </ol>
        </section>

        """

    static let script = """
        const main = document.querySelector("main"), pause = document.querySelector("#pause");
        const lost = document.querySelector("#lost");
        let paused = false;
        pause.hidden = false;
        pause.onclick = () => {
          paused = !paused;
          pause.textContent = paused ? "Resume" : "Pause";
          pause.setAttribute("aria-pressed", paused);
        };
        const refresh = async () => {
          if (!paused && !document.hidden) {
            try {
              const answer = await fetch("/", { cache: "no-store", signal: AbortSignal.timeout(5000) });
              if (!answer.ok) throw answer.status;
              const page = new DOMParser().parseFromString(await answer.text(), "text/html");
              if (!paused) main.replaceChildren(...page.querySelector("main").childNodes);
              lost.hidden = true;
            } catch { lost.hidden = false; }
          }
          setTimeout(refresh, 2000);
        };
        setTimeout(refresh, 2000);
        """
}
