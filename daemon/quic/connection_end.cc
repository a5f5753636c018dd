// How a connection ends: closed by us, by the peer, or by an error; and who hears of it.
#include <algorithm>
#include <utility>

#include "daemon/quic/connection.h"

namespace bp2p::quic {

void Connection::close(std::uint64_t code, std::string text) {
  if (is_over_) return;
  close_text_ = text.substr(0, 512);  // it has to fit into one small datagram
  ngtcp2_ccerr_set_application_error(&close_reason_, code, reinterpret_cast<const std::uint8_t*>(close_text_.data()),
                                     close_text_.size());
  close_pending_ = true;
  is_over_ = true;
  if (is_connected_) close_at_latest_ = not_before(home_.now()) + static_cast<ngtcp2_duration>(tail_budget.count());
  home_.mark_dirty(*this);
}

/// A channel that ended in good order left streams with bytes and an end that the peer does not have yet (I5).
bool Connection::has_tail() const {
  return std::ranges::any_of(streams_, [](const auto& each) {
    const Stream& stream = *each.second;
    return stream.is_tail && !stream.cannot_write;
  });
}

/// Ends the connection from within: the user hears of it, unless it ended it itself.
void Connection::end(LinkEnd why) {
  if (is_over_) return;
  is_over_ = true;
  home_.mark_dirty(*this);  // to be buried
  if (is_connected_) {
    user_.on_ended(*this, why);
  } else {
    DialError error = DialError::no_answer;
    if (why.how == LinkEnd::How::closed_by_peer) error = DialError::refused;
    if (broken_ || (why.how == LinkEnd::How::lost && why.code != 0)) error = DialError::bad_certificate;
    user_.on_dial_failed(*this, error, why.text);
  }
}

void Connection::fail(int error) {
  close_at_latest_.reset();  // whatever was left to say, nobody hears it
  close_pending_ = false;
  switch (error) {
    case NGTCP2_ERR_DRAINING: {
      const ngtcp2_ccerr* said = ngtcp2_conn_get_ccerr(conn_);
      if (was_reset_) return end({LinkEnd::How::reset, 0, "the peer's daemon restarted and does not know this link"});
      std::string text{reinterpret_cast<const char*>(said->reason), said->reasonlen};
      if (said->type != NGTCP2_CCERR_TYPE_APPLICATION) {
        text = "QUIC error " + std::to_string(said->error_code) + (text.empty() ? "" : ": " + text);
        return end({LinkEnd::How::closed_by_peer, 0, std::move(text)});
      }
      return end({LinkEnd::How::closed_by_peer, said->error_code, std::move(text)});
    }
    case NGTCP2_ERR_IDLE_CLOSE: return end({LinkEnd::How::idle, 0, "nothing heard within the idle time-out"});
    case NGTCP2_ERR_HANDSHAKE_TIMEOUT: return end({LinkEnd::How::lost, 0, "no answer"});
    case NGTCP2_ERR_DROP_CONN: return end({LinkEnd::How::lost, 0, "dropped"});
    case NGTCP2_ERR_RETRY: wants_retry_ = true; return end({LinkEnd::How::lost, 0, "retry"});
    default: break;
  }
  ngtcp2_ccerr_default(&close_reason_);
  std::uint64_t code = 0;
  if (error == NGTCP2_ERR_CRYPTO) {
    code = ngtcp2_conn_get_tls_alert(conn_);
    ngtcp2_ccerr_set_tls_alert(&close_reason_, static_cast<std::uint8_t>(code), nullptr, 0);
  } else {
    ngtcp2_ccerr_set_liberr(&close_reason_, error, nullptr, 0);
  }
  close_pending_ = true;
  end({LinkEnd::How::lost, code, std::string{"QUIC: "} + ngtcp2_strerror(error) + (code != 0 ? ", TLS alert " + std::to_string(code) : "")});
}

void Connection::leave_users() {
  if (std::exchange(has_left_users_, true)) return;
  for (auto& [id, stream] : streams_) {
    if (stream->user == nullptr) continue;
    stream->user->on_gone(*stream);
    stream->user = nullptr;
    stream->group = nullptr;
    stream->cannot_write = true;
  }
  std::erase_if(round_, [this](SendGroup* group) {
    if (group == &tails_) return false;
    group->is_listed = false;
    return true;
  });
  user_.on_buried(*this);
}

Connection::~Connection() {
  is_over_ = true;  // whoever hears of its end asks nothing of it any more
  leave_users();
  for (const ngtcp2_cid& id : ids_) home_.remove_id(id);
  // The order that ngtcp2's OpenSSL glue wants: the SSL must not find us any more while it goes.
  if (ssl_) SSL_set_app_data(ssl_.get(), nullptr);
  ssl_.reset();
  ngtcp2_conn_del(conn_);
  ngtcp2_crypto_ossl_ctx_del(ossl_);
}

}  // namespace bp2p::quic
